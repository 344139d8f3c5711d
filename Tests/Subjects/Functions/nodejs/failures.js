// What can go wrong in a handler.
'use strict';

class Custom extends Error {
    constructor(message) {
        super(message);
        this.name = 'Custom';
        this.code = 'E_CUSTOM';
    }
}

exports.rejects = async () => { throw new TypeError('not this one'); };
exports.throws = () => { throw new TypeError('at once'); };
exports.custom = async () => { throw new Custom('of my own'); };
exports.text = async () => { throw 'just text'; };
exports.object = async () => { throw { some: 'object' }; };
exports.nothing = async () => { throw undefined; };
exports.odd = async () => { throw Object.assign(new Error('odd'), { name: 'No\r\nSuch: header' }); };
exports.uncaught = async () => {
    setTimeout(() => { throw new Error('from a timer'); }, 10);
    return new Promise(resolve => setTimeout(resolve, 1000));
};
exports.unhandled = async () => {
    Promise.reject(new Error('nobody looks'));
    return new Promise(resolve => setTimeout(resolve, 1000));
};
exports.leaves = async () => process.exit(3);

// The environment outlives an error.
exports.once = async event => {
    if (event === 'fail') throw new Custom('first');
    return 'fine again';
};

// What a handler can return.
'use strict';

exports.echo = async event => event;
exports.nothing = async () => {};
exports.text = async () => 'Grüße, 世界';
exports.promise = event => new Promise(resolve => setTimeout(resolve, 10, event));
exports.thenable = event => ({ then(resolve) { resolve(event); } });
exports.aFunction = async () => () => 1;
exports.aCircle = async () => { const circle = []; circle.push(circle); return circle; };
exports.bigInt = async () => 1n;
exports.json = async () => ({ toJSON: () => 'by toJSON', ignored: 1 });
exports.large = async count => 'x'.repeat(count);
exports.length = async event => event.length;
exports.nested = { deep: { handler: async () => 'deep' } };
exports.notAFunction = 1;

// Without a promise and without the callback, the answer is null.
exports.forgotten = () => 'ignored';
exports.neverDone = async () => new Promise(() => {});

// What is done around a snapshot.
'use strict';

const { registerBeforeSnapshot, registerAfterRestore } = require('snapshot-restore-js');

const calls = [];
const fails = process.env.FAILS;
const random = Math.random;

registerBeforeSnapshot(async () => {
    calls.push('before 1');
    if (fails === 'before') throw new Error('not now');
});
registerBeforeSnapshot(() => calls.push('before 2'));
registerAfterRestore(() => new Promise(resolve => setTimeout(() => resolve(calls.push('after 1')), 10)));
registerAfterRestore(() => {
    calls.push('after 2');
    if (fails === 'after') throw new Error('not here');
});

exports.handler = async () => calls;
exports.seededAnew = async () => {
    const draws = Array.from({ length: 1000 }, Math.random);
    return Math.random !== random && draws.every(draw => draw >= 0 && draw < 1) && new Set(draws).size === 1000;
};

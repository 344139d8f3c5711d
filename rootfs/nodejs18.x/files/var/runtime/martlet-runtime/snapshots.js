// The hooks around a snapshot; loaded when one is to be made of this very process.
'use strict';

const fs = require('fs');
const hooks = require('snapshot-restore-js').registered;
const randoms = require('./randoms');

// Runs the hooks of before, has the snapshot taken, and runs the hooks of after, in each that is restored.
async function take(api) {
    try {
        while (hooks.before.length) await hooks.before.pop()(); // the last registered may lean on those before
        api.restoreNext();
    } catch (error) {
        fail(api, 'init/error', 'Runtime.BeforeSnapshotError', error, 64);
    }
    try {
        reseed();
        randoms.replace();
        for (const hook of hooks.after) await hook();
    } catch (error) {
        fail(api, 'restore/error', 'Runtime.AfterRestoreError', error, 65);
    }
}

function fail(api, path, type, error, status) {
    const { describe, write } = require('./errors');
    write('Invoke Error', error);
    api.report(path, JSON.stringify(describe(error)), type);
    process.exit(status);
}

// All that are restored would draw the same numbers. V8's own generator takes no seed, so this takes its place:
// xoshiro128**, as fast as it, seeded by the kernel.
function reseed() {
    const seed = Buffer.alloc(16);
    const random = fs.openSync('/dev/urandom');
    fs.readSync(random, seed);
    fs.closeSync(random);
    let [a, b, c, d] = new Int32Array(seed.buffer, seed.byteOffset, 4);

    function draw() {
        const scaled = Math.imul(b, 5);
        const result = Math.imul(scaled << 7 | scaled >>> 25, 9);
        const shifted = b << 9;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = d << 11 | d >>> 21;
        return result >>> 0;
    }

    Math.random = () => ((draw() >>> 5) * 2 ** 26 + (draw() >>> 6)) / 2 ** 53;
}

module.exports = { take };

// Random numbers that differ between those that are restored from one snapshot; loaded when one is to be made. There are
// three that would not: V8's generator and OpenSSL's have their state in memory, and crypto keeps some numbers in stock.
'use strict';

const crypto = require('crypto');
const openssl = require('./openssl.node');

// V8's own generator takes no seed, so this takes its place: xoshiro128**, as fast as it.
let a, b, c, d;
const seed = new Int32Array(4);

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

// In each that is restored, before anything of the function's runs. OpenSSL asks the kernel.
function reseed() {
    if (!openssl.reseed(seed)) throw new Error('there are no random numbers from the kernel');
    [a, b, c, d] = seed;
}

function randomInt(low, high, callback) {
    if (high === undefined || typeof high === 'function') [low, high, callback] = [0, low, high];
    const range = high - low;
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || !(range > 0 && range < 2 ** 48)) {
        throw new RangeError(`no whole number from ${low} to below ${high} can be drawn`);
    }
    const limit = 2 ** 48 - 2 ** 48 % range;
    let drawn;
    do drawn = crypto.randomBytes(6).readUIntBE(0, 6); while (drawn >= limit);
    if (!callback) return low + drawn % range;
    process.nextTick(callback, null, low + drawn % range);
}

// Before the function is loaded: it might take some of what is replaced aside.
function replace() {
    reseed();
    Math.random = () => ((draw() >>> 5) * 2 ** 26 + (draw() >>> 6)) / 2 ** 53;
    const { randomUUID } = crypto;
    crypto.randomUUID = options => randomUUID({ ...options, disableEntropyCache: true });
    crypto.randomInt = randomInt;
    Object.defineProperty(Object.getPrototypeOf(crypto.webcrypto), 'randomUUID', {
        value: () => crypto.randomUUID(), configurable: true, enumerable: true, writable: true,
    });
    require('module').syncBuiltinESMExports(); // so that `import` finds them as well
}

module.exports = { replace, reseed };

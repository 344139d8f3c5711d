// Random numbers in what is restored from a snapshot; loaded when one is to be made. The generators of V8 and of OpenSSL
// have their state in memory, so all that are restored would draw the same, and neither takes a seed from here. What
// crypto offers is therefore drawn from the kernel. What OpenSSL draws for itself, for keys of its own and in TLS, is not.
'use strict';

const crypto = require('crypto');
const fs = require('fs');

function fill(buffer, offset, size) {
    const random = fs.openSync('/dev/urandom');
    try {
        while (size > 0) {
            const count = fs.readSync(random, buffer, offset, size);
            offset += count;
            size -= count;
        }
    } finally {
        fs.closeSync(random);
    }
}

function bytes(size) {
    const buffer = Buffer.allocUnsafe(size);
    fill(buffer, 0, size);
    return buffer;
}

// A view of the same bytes, whatever the elements are.
function view(target) {
    return ArrayBuffer.isView(target)
        ? Buffer.from(target.buffer, target.byteOffset, target.byteLength) : Buffer.from(target);
}

function randomFillSync(target, offset = 0, size) {
    const whole = view(target);
    const width = target.BYTES_PER_ELEMENT || 1;
    const start = offset * width;
    fill(whole, start, size === undefined ? whole.length - start : size * width);
    return target;
}

function randomFill(target, offset, size, callback) {
    const done = [offset, size, callback].find(one => typeof one === 'function');
    randomFillSync(target, typeof offset === 'number' ? offset : 0, typeof size === 'number' ? size : undefined);
    process.nextTick(done, null, target);
}

function randomBytes(size, callback) {
    const drawn = bytes(size);
    if (!callback) return drawn;
    process.nextTick(callback, null, drawn);
}

function randomInt(low, high, callback) {
    if (high === undefined || typeof high === 'function') [low, high, callback] = [0, low, high];
    const range = high - low;
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || !(range > 0 && range < 2 ** 48)) {
        throw new RangeError(`no whole number from ${low} to below ${high} can be drawn`);
    }
    const limit = 2 ** 48 - 2 ** 48 % range;
    let drawn;
    do drawn = bytes(6).readUIntBE(0, 6); while (drawn >= limit);
    if (!callback) return low + drawn % range;
    process.nextTick(callback, null, low + drawn % range);
}

function randomUUID() {
    const drawn = bytes(16);
    drawn[6] = drawn[6] & 0x0f | 0x40;
    drawn[8] = drawn[8] & 0x3f | 0x80;
    return drawn.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function getRandomValues(target) {
    return randomFillSync(target);
}

// Takes the place of all of them, where they are looked for from now on.
function replace() {
    const ours = { randomBytes, pseudoRandomBytes: randomBytes, randomFill, randomFillSync, randomInt, randomUUID };
    Object.assign(crypto, ours);
    const web = Object.getPrototypeOf(crypto.webcrypto);
    Object.defineProperty(web, 'getRandomValues', { value: getRandomValues, configurable: true, writable: true });
    Object.defineProperty(web, 'randomUUID', { value: randomUUID, configurable: true, writable: true });
    try {
        crypto.getRandomValues = getRandomValues;
    } catch {
        // Only newer ones have it.
    }
}

module.exports = { replace };

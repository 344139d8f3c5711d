// What no clone may share with another, and what each must have of its own: told in every answer.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const os = require('os');
const tls = require('tls');
const { promisify } = require('util');
const { registerBeforeSnapshot, registerAfterRestore } = require('snapshot-restore-js');

const hooks = [];
const monotonic = () => Number(process.hrtime.bigint()) / 1e9;
let moment = { wall: Date.now() / 1000, monotonic: monotonic() };
registerBeforeSnapshot(() => {
    hooks.push('before');
    moment = { wall: Date.now() / 1000, monotonic: monotonic() };
});
registerAfterRestore(() => { hooks.push('after'); });

// Both have been used before: they are not new in a clone.
Math.random();
crypto.randomUUID();
const { randomInt, randomUUID } = crypto;
randomInt(2);
const generateKeyPair = promisify(crypto.generateKeyPair);
const text = ({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' }).toString('hex');
const newKey = () => text(crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }));
newKey();
registerBeforeSnapshot(() => generateKeyPair('ed25519')); // in a thread
registerBeforeSnapshot(hello);
const kept = fs.openSync('/tmp/kept', 'w+');
fs.writeSync(kept, '0123456789');
fs.readSync(kept, Buffer.alloc(4), 0, 4, 0);
const gone = fs.openSync('/tmp/gone', 'w+');
fs.writeSync(gone, 'abcdefghij');
fs.unlinkSync('/tmp/gone');
const read = (file, place) => {
    const bytes = Buffer.alloc(2);
    fs.readSync(file, bytes, 0, 2, place);
    return bytes.toString();
};
const ends = [];
const add = end => ends.push(end.on('error', error => { end.failed = error; }));
const ready = new Promise(resolve => {
    const listener = net.createServer(far => { add(far); resolve(); });
    listener.listen(0, '127.0.0.1', () => add(net.connect(listener.address().port, '127.0.0.1')));
});
// What is captured is connected.
registerBeforeSnapshot(() => ready);

// What OpenSSL has drawn for a connection that it begins.
function hello() {
    return new Promise(resolve => {
        const listener = net.createServer(far => far.once('data', bytes => {
            resolve(bytes.subarray(11, 43).toString('hex'));
            near.destroy();
            far.destroy();
            listener.close();
        }));
        let near;
        listener.listen(0, '127.0.0.1', () => {
            near = tls.connect(listener.address().port, '127.0.0.1').on('error', () => {});
        });
    });
}

const connection = end => new Promise(resolve => {
    if (end.failed || end.destroyed || end.closed) return resolve('closed');
    end.write('x', error => resolve(error ? error.code : 'open'));
});

exports.handler = async (event, context) => {
    await ready;
    const before = fs.readdirSync('/tmp').sort();
    fs.writeFileSync(`/tmp/own-${context.awsRequestId}`, 'x');
    const uidMap = fs.readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/);
    return {
        random: [
            Math.random(), crypto.randomUUID(), crypto.randomBytes(16).toString('hex'), randomUUID(),
            randomInt(2 ** 47), newKey(), text(await generateKeyPair('ed25519')), await hello(),
        ],
        identity: [os.hostname(), uidMap[1]],
        inside: [process.pid, process.getuid(), process.getgid(), process.env.AWS_LAMBDA_INITIALIZATION_TYPE,
            context.logStreamName ?? null],
        wall: Date.now() / 1000, since: monotonic() - moment.monotonic, wallSince: Date.now() / 1000 - moment.wall,
        connections: await Promise.all(ends.map(connection)),
        tmp: before, kept: read(kept, 4), keptAgain: fs.readFileSync('/tmp/kept', 'utf8'), gone: read(gone, 6),
        hooks,
    };
};

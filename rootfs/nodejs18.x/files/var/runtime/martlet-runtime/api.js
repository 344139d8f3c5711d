// The Runtime API, spoken over one connection that is kept.
//
// The connection is a blocking one: faster than a stream on the event loop, and an environment does nothing
// between two events anyhow. The answer to one event and the request for the next are one write.
'use strict';

const { connect, errno, read: readSome, writeAll } = require('./system');

const PREFIX = '/2018-06-01/runtime/';
const NEXT = `GET ${PREFIX}invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n`;

// Above this the request for the next event waits for the answer: the engine may refuse a body for its size.
const LARGE = 64 * 1024;

let buffer = Buffer.allocUnsafeSlow(LARGE);
let start = 0; // in the buffer, what is read and not used
let end = 0;
let accepted = '?'; // the text of a 202: always the same
let waitsFor; // the id of the event whose answer is on its way

// An abstract name is out of reach for this node, so only a path takes the place of TCP.
const local = process.env.MARTLET_RUNTIME_SOCKET || '';
const [host, port] = (process.env.AWS_LAMBDA_RUNTIME_API || '').split(':');
const fd = connect(local.startsWith('/') && local, host, Number(port));
let [input, output] = [fd, fd];

// The head of a POST. An error's type comes from the function, and might be anything.
function post(path, length, errorType) {
    const error = errorType === undefined ? ''
        : `Lambda-Runtime-Function-Error-Type: ${String(errorType).replace(/[^ -~]/g, '?')}\r\n`;
    return `POST ${PREFIX}${path} HTTP/1.1\r\nHost: runtime\r\nContent-Type: application/json\r\n`
        + `${error}Content-Length: ${length}\r\n\r\n`;
}

function write(text) {
    const failure = writeAll(output, text);
    if (failure) hungUp(failure);
}

// The environment is at its end, and there is nobody to tell; unless the engine never was there.
function hungUp(failure) {
    if (!failure || failure === errno.EPIPE || failure === errno.ECONNRESET) process.exit(0);
    writeAll(2, `cannot reach the Runtime API: ${require('util').getSystemErrorName(failure)}\n`);
    process.exit(1);
}

// Answers an event and asks for the next one: to wait for it is up to the caller.
function answer(id, kind, body, errorType) {
    const length = Buffer.byteLength(body);
    const head = post(`invocation/${id}/${kind}`, length, errorType);
    if (length <= LARGE) {
        waitsFor = id;
        write(head + body + NEXT);
    } else {
        write(head + body);
        judge(id, read());
        requestNext();
    }
}

// An answer has gone out by another way.
function expectAnswer(id) {
    waitsFor = id;
}

function requestNext() {
    write(NEXT);
}

// An answer that was refused has been dealt with by the engine.
function judge(id, { status, body }) {
    if (status >= 500) process.exit(1);
    if (status !== 202) writeAll(2, `the answer to ${id} was refused: ${status} ${body.trim()}\n`);
}

// The next event, waited for in a read.
function next() {
    if (waitsFor !== undefined) settle();
    return invocation(read());
}

// The next event, waited for while the loop turns: the read is left to a thread.
function nextLater(callback) {
    if (start < end) return callback(next());
    require('fs').read(input, buffer, 0, buffer.length, null, (error, count) => {
        if (error || count === 0) hungUp(error && error.errno);
        [start, end] = [0, count];
        if (waitsFor !== undefined) settle();
        nextLater(callback); // often it was but the answer to the answer, and the event is yet to come
    });
}

// Reads the answer to an answer.
function settle() {
    if (start === end) fill();
    if (!skipAccepted()) judge(waitsFor, read());
    waitsFor = undefined;
}

function skipAccepted() {
    if (buffer.latin1Slice(start, Math.min(start + accepted.length, end)) !== accepted) return false;
    start += accepted.length;
    return true;
}

function invocation({ status, headers, body }) {
    if (status === 204) return undefined; // there is no further one to warm up by
    if (status !== 200) {
        writeAll(2, `no next event: ${status} ${body.trim()}\n`);
        process.exit(1);
    }
    return { id: headers['lambda-runtime-aws-request-id'], headers, body };
}

// Tells the engine of an error that ends the runtime.
function report(path, body, errorType) {
    redirect();
    write(post(path, Buffer.byteLength(body), errorType) + body);
    read();
}

function restoreNext() {
    const request = NEXT.replace('invocation', 'restore');
    write(request);
    const { status, body } = read();
    if (status !== 200) throw new Error(`restore/next: ${status} ${body.trim()}`);
}

// Speaks to others for a while, which is how it is rehearsed.
function redirect(from = fd, to = fd) {
    [input, output] = [from, to];
}

// Reads one answer: its status, its headers by their names in lower case, its body.
function read() {
    let text, split;
    while ((split = (text = buffer.latin1Slice(start, end)).indexOf('\r\n\r\n')) < 0) fill();
    const headers = {};
    for (const line of text.slice(0, split).split('\r\n')) {
        const colon = line.indexOf(':');
        headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const length = Number(headers['content-length'] || 0);
    const whole = split + 4 + length;
    while (end - start < whole) fill(whole);
    const status = Number(text.slice(9, 12));
    const body = buffer.utf8Slice(start + split + 4, start + whole);
    if (status === 202) accepted = text.slice(0, whole);
    start += whole;
    if (buffer.length > LARGE && start === end) { // it was a large one
        buffer = Buffer.allocUnsafeSlow(LARGE);
        start = end = 0;
    }
    return { status, headers, body };
}

// Reads some more bytes, at least one; makes room for so many.
function fill(wanted = 0) {
    if (start === end) start = end = 0;
    if (start + wanted > buffer.length || end === buffer.length) {
        const room = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * (end - start), LARGE));
        end = buffer.copy(room, 0, start, end);
        start = 0;
        buffer = room;
    }
    const count = readSome(input, buffer, end, buffer.length - end);
    if (count <= 0) hungUp(count);
    end += count;
}

module.exports = { fd, PREFIX, answer, expectAnswer, requestNext, next, nextLater, redirect, report, restoreNext };

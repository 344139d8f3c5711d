// Answers that are sent while they are made: what a handler wrapped in awslambda.streamifyResponse gets to write to.
'use strict';

const fs = require('fs');
const { Writable } = require('stream');
const { describe } = require('./context');
const { describe: describeError, write: logError } = require('./errors');

const TYPE = 'Lambda-Runtime-Function-Error-Type';
const BODY = 'Lambda-Runtime-Function-Error-Body';

// Each write goes out as one chunk of the body, by a thread, for it takes as long as the caller wants: this is the
// backpressure. Nothing is sent ahead of the first write, so an error before it can still be an ordinary one.
class ResponseStream extends Writable {
    constructor(api, id, highWaterMark) {
        super({ highWaterMark });
        this.api = api;
        this.id = id;
        this.contentType = 'application/octet-stream';
        this.started = false; // the head is sent
        this.complete = false; // so is the end
        this.busy = false; // a write is under way
        this.whenFree = undefined; // what to do after it
    }

    setContentType(type) {
        if (this.started) throw invalid('Cannot set content-type, too late.');
        this.contentType = String(type).replace(/[^ -~]/g, '?');
    }

    write(chunk, encoding, callback) {
        const plain = typeof chunk === 'string' || chunk instanceof Uint8Array;
        return super.write(plain ? chunk : JSON.stringify(chunk), encoding, callback);
    }

    _write(chunk, encoding, callback) {
        this.send(this.chunk(chunk), callback);
    }

    _writev(chunks, callback) {
        this.send(this.chunk(Buffer.concat(chunks.map(({ chunk }) => chunk))), callback);
    }

    _final(callback) {
        this.send(this.last(), callback);
    }

    // Destroyed before its end: the caller is told, for else it would wait for more.
    _destroy(error, callback) {
        if (!this.started || this.complete) return callback(error);
        this.failure = this.failure || error || new Error('The response stream was destroyed.');
        const end = () => this.send(this.last(), () => callback(error));
        if (this.busy) this.whenFree = end;
        else end();
    }

    // A chunk of the body as it is sent, with all that has to go ahead of it.
    chunk(bytes) {
        const parts = [];
        if (!this.started) {
            this.started = true;
            parts.push(Buffer.from(`POST ${this.api.PREFIX}invocation/${this.id}/response HTTP/1.1\r\nHost: runtime\r\n`
                + `Content-Type: ${this.contentType}\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n`
                + `Transfer-Encoding: chunked\r\nTrailer: ${TYPE}, ${BODY}\r\n\r\n`));
            if (this.prelude) bytes = Buffer.concat([this.prelude, bytes]);
        }
        // A chunk of no bytes would be the last one.
        if (bytes.length) parts.push(Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n'));
        return Buffer.concat(parts);
    }

    // The end of the body, and what went wrong in the middle of it.
    last() {
        const head = this.started ? Buffer.alloc(0) : this.chunk(Buffer.alloc(0));
        let trailers = '';
        if (this.failure !== undefined) {
            const error = describeError(this.failure);
            trailers = `${TYPE}: ${error.errorType.replace(/[^ -~]/g, '?')}\r\n`
                + `${BODY}: ${Buffer.from(JSON.stringify(error)).toString('base64')}\r\n`;
        }
        this.complete = true;
        this.api.expectAnswer(this.id);
        return Buffer.concat([head, Buffer.from(`0\r\n${trailers}\r\n`)]);
    }

    send(bytes, callback) {
        if (!bytes.length) return callback();
        this.busy = true;
        fs.write(this.api.fd, bytes, 0, bytes.length, null, (error, count) => {
            if (!error && count < bytes.length) return this.send(bytes.subarray(count), callback);
            this.busy = false;
            callback(error);
            const then = this.whenFree;
            this.whenFree = undefined;
            if (then) then();
        });
    }
}

// What an answer by way of HTTP starts with: {statusCode, headers, cookies}, told from the body by eight NULs.
class HttpResponseStream {
    static from(stream, prelude) {
        stream.setContentType('application/vnd.awslambda.http-integration-response');
        stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]);
        return stream;
    }
}

const invalid = message => require('./errors').fault('InvalidStreamingOperation', message);

// Calls the handler. The next event is asked for when the handler has returned and the stream has ended, and, unless
// the handler says not to wait for that, the event loop is empty.
async function serve(handler, current, { id, headers, body }, api, next) {
    const highWaterMark = handler[Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')];
    const stream = new ResponseStream(api, id, highWaterMark);
    const context = describe(id, headers);
    const closed = new Promise(resolve => stream.once('close', resolve));
    stream.on('error', () => {}); // an error of the handler's making comes back by its promise, too

    function fail(error) {
        logError('Invoke Error', error);
        if (!stream.started) {
            stream.destroy();
            current.die = () => {};
            const description = describeError(error);
            api.answer(id, 'error', JSON.stringify(description), description.errorType);
            setImmediate(next);
            return;
        }
        if (!stream.complete && !stream.destroyed) {
            stream.failure = error;
            stream.end();
        }
        closed.then(proceed);
    }

    function proceed() {
        api.requestNext();
        setImmediate(next);
    }

    // Of what ends the runtime, the caller is told if nothing of an answer is on its way.
    current.die = error => {
        if (stream.complete || stream.busy) return;
        if (!stream.started) {
            const description = describeError(error);
            api.report(`invocation/${id}/error`, JSON.stringify(description), description.errorType);
        } else {
            stream.failure = error;
            fs.writeSync(api.fd, stream.last());
        }
    };

    const unfinished = new Promise((_, reject) => {
        current.isIdle = () => reject(new Error('Response stream is not finished.'));
    });
    try {
        const promise = handler(JSON.parse(body), stream, context);
        if (!promise || typeof promise.then !== 'function') throw 'Streaming does not support non-async handlers.';
        const result = await Promise.race([promise, unfinished]);
        if (result !== undefined) console.warn('Streaming handlers ignore return values.');
        await Promise.race([closed, unfinished]);
        if (!stream.complete) throw new Error('Response stream is not finished.'); // destroyed ahead of any write
    } catch (error) {
        current.isIdle = () => {};
        return fail(error);
    }
    if (context.callbackWaitsForEmptyEventLoop) current.isIdle = () => { current.isIdle = () => {}; proceed(); };
    else proceed();
}

module.exports = { serve, HttpResponseStream };

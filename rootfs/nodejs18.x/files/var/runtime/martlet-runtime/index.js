// The runtime of functions in JavaScript: loads the handler, then serves one event after the other.
//
//   api        the Runtime API, spoken over one connection that is kept
//   system     reading and writing, without the library
//   handlers   from the name of a handler to the function
//   context    what a handler learns about its invocation, and its ways to answer
//   console    console.log and its kin, in the format of the log
//   errors     what becomes of an error; loaded when there is one
//   streaming  answers that are sent while they are made; loaded when a handler wants it
//   snapshots  the hooks around a snapshot; loaded when one is to be made
//   rehearsal  the same path, walked before a snapshot with events that come from nobody
//   randoms    random numbers that differ between those that are restored from one
//
// Start-up counts, so nothing of node's library is loaded here that node has not loaded by itself.
'use strict';

const api = require('./api');
const log = require('./console');
const load = require('./handlers');
const buildContext = require('./context');
const { nameLoopback } = require('./system');

// The invocation that is served: {id, isIdle()}, where isIdle is called when the event loop has
// nothing left to do. None during init, and while the runtime waits for an event.
let current;
let handler;

process.on('beforeExit', () => current && current.isIdle());
process.on('uncaughtException', error => die('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason, promise) => {
    const { UnhandledPromiseRejection } = require('./errors');
    die('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), 128);
});

// What nobody caught ends the runtime, for who knows what it left behind; but first the caller is told.
function die(title, error, status) {
    const { describe, write } = require('./errors');
    write(title, error);
    if (current && current.die) {
        current.die(error);
    } else if (current || !handler) {
        const description = describe(error);
        const path = current ? `invocation/${current.id}/error` : 'init/error';
        api.report(path, JSON.stringify(description), description.errorType);
    }
    process.exit(status);
}

async function run() {
    log.install();
    nameLoopback();
    const snapshots = process.env.AWS_LAMBDA_INITIALIZATION_TYPE === 'snap-start' && require('./snapshots');
    if (snapshots) snapshots.prepare();
    try {
        handler = await load(process.env.LAMBDA_TASK_ROOT || '/var/task', process.env._HANDLER || '');
    } catch (error) {
        die('Uncaught Exception', error, 1);
    }
    if (snapshots) {
        if (process.env.MARTLET_WARM_UP) await new Promise(warmUp); // what the events load is in the snapshot
        return start(await snapshots.take(api, handler, rehearse));
    }
    start();
}

// The loop turns once, to find that the connection is made; unless nothing has happened since it was.
function start(isQuiet) {
    api.requestNext();
    if (isQuiet) next();
    else setImmediate(next);
}

// Serves events until the engine has no further one to warm up by.
let warmed;
function warmUp(done) {
    delete process.env.MARTLET_WARM_UP;
    warmed = done;
    start();
}

// Serves events that are not the function's, with a handler that is not either, until there is no further one.
function rehearse(done) {
    const own = handler;
    handler = async event => event;
    warmed = () => {
        handler = own;
        log.request(undefined);
        delete process.env._X_AMZN_TRACE_ID;
        done();
    };
    start(true);
}

// Waits for an event in a plain read, by far the fastest way, where nothing can happen meanwhile that the
// function would have to see. The loop turns once before the handler is called: a connection that
// was closed while the environment was frozen is known to be, then.
function next() {
    current = undefined;
    if (process.getActiveResourcesInfo().length === 0 && !listensToSignals) {
        setImmediate(serve, api.next());
    } else {
        api.nextLater(invocation => setImmediate(serve, invocation));
    }
}

// A listener to a signal can only be called by the loop.
let listensToSignals = false;
process.on('newListener', name => { if (String(name).startsWith('SIG')) listensToSignals = true; });

function serve(invocation) {
    if (!invocation) return warmed();
    const { id, headers, body } = invocation;
    log.request(id);
    const trace = headers['lambda-runtime-trace-id'];
    if (trace) process.env._X_AMZN_TRACE_ID = trace;
    else delete process.env._X_AMZN_TRACE_ID;

    if (handler[Symbol.for('aws.lambda.runtime.handler.streaming')] === 'response') {
        current = { id, isIdle() {} };
        return require('./streaming').serve(handler, current, { id, headers, body }, api, next);
    }

    let answered = false;
    current = { id, isIdle: forgotten };

    function answer(error, result) {
        if (answered) return;
        answered = true;
        current = undefined; // of what happens from here on, the caller cannot be told
        let json;
        if (error === undefined || error === null) {
            try {
                json = JSON.stringify(result) || 'null'; // undefined, or a function
            } catch {
                error = new Error('Unable to stringify response body');
            }
        }
        if (json) {
            api.answer(id, 'response', json);
        } else {
            const { describe, write } = require('./errors');
            write('Invoke Error', error);
            const description = describe(error);
            api.answer(id, 'error', JSON.stringify(description), description.errorType);
        }
        setImmediate(next);
    }

    // The loop is empty, and there is no answer: none will come.
    function forgotten() {
        if (handler.constructor.name === 'AsyncFunction') {
            answer(new (require('./errors').NodeJsExit)());
        } else {
            answer(null, null);
        }
    }

    try {
        const { context, callback } = buildContext(id, headers, answer, whenIdle => {
            if (!answered) current.isIdle = whenIdle;
        });
        const result = handler(JSON.parse(body), context, callback);
        if (result && typeof result.then === 'function') result.then(context.succeed, context.fail);
    } catch (error) {
        answer(error);
    }
}

run();

// The runtime's own path, walked before a snapshot with events that come from nobody, and a handler that is nobody's.
//
// V8 compiles a function when it is first called, and lays out memory for what it learns of it. What is done here is in
// the snapshot; otherwise each environment would do it again, in memory of its own.
'use strict';

const fs = require('fs');
const v8 = require('v8');

const ROUNDS = 20; // with a hundred the clones are no faster, and what is optimised is larger

const RESTORED = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const EVENT = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
    + 'Lambda-Runtime-Aws-Request-Id: 00000000-0000-0000-0000-000000000000\r\nLambda-Runtime-Deadline-Ms: 0\r\n'
    + 'Lambda-Runtime-Invoked-Function-Arn: none\r\nLambda-Runtime-Trace-Id: none\r\nContent-Length: 2\r\n\r\n{}';
const ACCEPTED = 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n';
const NO_FURTHER = 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n';

// Compiles the function's handler, without calling it. What V8 has for this are words of its own language, for a moment.
function compile(handler) {
    v8.setFlagsFromString('--allow-natives-syntax');
    try {
        new Function('handler', '%CompileBaseline(handler)')(handler);
    } catch {
        // It is compiled when it is called.
    } finally {
        v8.setFlagsFromString('--no-allow-natives-syntax');
    }
}

// Each round is what a new environment does: what `begin` does, then the events that `serve` serves. The engine of
// this play is a file with all that it says, and hears nothing.
async function rehearse(api, handler, serve, begin) {
    compile(handler);
    const path = `/tmp/.rehearsal-${process.pid}`;
    let script, nowhere;
    try {
        fs.writeFileSync(path, (RESTORED + EVENT + ACCEPTED + NO_FURTHER).repeat(ROUNDS), { flag: 'wx' });
        script = fs.openSync(path);
        fs.unlinkSync(path);
        nowhere = fs.openSync('/dev/null', 'w');
    } catch {
        return; // the function has filled /tmp: it will only be slower
    }
    api.redirect(script, nowhere);
    for (let round = 0; round < ROUNDS; round++) {
        begin();
        await new Promise(serve);
    }
    api.redirect();
    fs.closeSync(script);
    fs.closeSync(nowhere);
}

module.exports = { rehearse };

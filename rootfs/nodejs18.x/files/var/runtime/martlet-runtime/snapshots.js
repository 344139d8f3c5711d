// The hooks around a snapshot; loaded when one is to be made of this very process.
'use strict';

const hooks = require('snapshot-restore-js').registered;
const randoms = require('./randoms');
const { rehearse } = require('./rehearsal');

// Runs the hooks of before, has the snapshot taken, and runs the hooks of after, in each that is restored.
// True when nothing of the function's ran after the restore.
async function take(api, handler, serve) {
    try {
        while (hooks.before.length) await hooks.before.pop()(); // the last registered may lean on those before
        await rehearse(api, handler, serve, () => begin(api));
        api.restoreNext();
    } catch (error) {
        fail(api, 'init/error', 'Runtime.BeforeSnapshotError', error, 64);
    }
    try {
        randoms.reseed();
        for (const hook of hooks.after) await hook();
        return hooks.after.length === 0;
    } catch (error) {
        fail(api, 'restore/error', 'Runtime.AfterRestoreError', error, 65);
    }
}

// What of that can be rehearsed.
function begin(api) {
    api.restoreNext();
    randoms.reseed();
}

function fail(api, path, type, error, status) {
    const { describe, write } = require('./errors');
    write('Invoke Error', error);
    api.report(path, JSON.stringify(describe(error)), type);
    process.exit(status);
}

module.exports = { prepare: randoms.replace, take };

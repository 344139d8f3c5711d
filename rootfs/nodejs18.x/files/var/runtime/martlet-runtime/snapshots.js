// The hooks around a snapshot; loaded when one is to be made of this very process.
'use strict';

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
        randoms.reseed();
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

module.exports = { prepare: randoms.replace, take };

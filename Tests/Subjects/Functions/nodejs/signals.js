// A listener to a signal is called even between two events.
'use strict';

process.on('SIGTERM', () => {
    console.log('asked to end');
    process.exit(0);
});
exports.handler = async event => event;

// What a handler writes into the log.
'use strict';

exports.levels = async () => {
    console.trace('at trace');
    console.debug('at debug');
    console.info('at info');
    console.log('at log');
    console.warn('at warn');
    console.error('at error');
};
exports.lines = async () => console.log('two\nlines');
exports.formats = async () => console.log('%s is %d', 'six', 6, { a: [1] });
exports.nothing = async () => console.log();
exports.error = async () => console.error('it failed', new RangeError('far'));
exports.onlyError = async () => console.error(Object.assign(new RangeError('far'), { code: 'E_FAR' }));
exports.object = async () => console.info({ a: 1 });
exports.streams = async () => {
    process.stdout.write('by the stream\n');
    process.stderr.write('by the other\n');
};

// What a handler learns about its invocation.
'use strict';

exports.whole = async (event, context) => ({
    awsRequestId: context.awsRequestId,
    functionName: context.functionName,
    functionVersion: context.functionVersion,
    invokedFunctionArn: context.invokedFunctionArn,
    memoryLimitInMB: context.memoryLimitInMB,
    logGroupName: context.logGroupName,
    logStreamName: context.logStreamName,
    callbackWaitsForEmptyEventLoop: context.callbackWaitsForEmptyEventLoop,
});
exports.client = async (event, context) => context.clientContext;
exports.identity = async (event, context) => context.identity;
exports.absent = async (event, context) => [typeof context.clientContext, typeof context.identity, typeof context.tenantId];
exports.remaining = async (event, context) => {
    const left = context.getRemainingTimeInMillis();
    return left > 0 && left <= 900000;
};
exports.trace = async () => process.env._X_AMZN_TRACE_ID;
exports.surroundings = async () => [process.cwd(), typeof awslambda.streamifyResponse];
exports.heap = async (event, context) =>
    require('v8').getHeapStatistics().heap_size_limit < 2 * context.memoryLimitInMB * 2 ** 20;

// What a handler learns about its invocation, and its ways to answer: context and callback.
'use strict';

const env = process.env;

// Of the environment, so the same for every invocation.
const fixed = {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
};

// What both kinds of handlers get.
function describe(id, headers) {
    const deadline = Number(headers['lambda-runtime-deadline-ms']);
    return {
        callbackWaitsForEmptyEventLoop: true,
        ...fixed,
        clientContext: parse(headers['lambda-runtime-client-context'], 'ClientContext'),
        identity: parse(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
        invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
        awsRequestId: id,
        tenantId: headers['lambda-runtime-aws-tenant-id'],
        getRemainingTimeInMillis: () => deadline - Date.now(),
    };
}

function parse(text, name) {
    if (!text) return undefined;
    try {
        return JSON.parse(Buffer.from(text, 'latin1').toString()); // headers are read as bytes
    } catch (error) {
        throw new Error(`Cannot parse ${name} as json: ${error}`);
    }
}

// The first answer counts. That of the callback waits until the event loop is empty, unless the
// handler says not to; an error does not wait.
function build(id, headers, answer, whenIdle) {
    const context = describe(id, headers);
    let finished = false;

    context.done = (error, result) => {
        if (finished) return;
        finished = true;
        answer(error, result);
    };
    context.succeed = result => context.done(null, result);
    context.fail = error => context.done(error === undefined || error === null ? 'handled' : error);

    function callback(error, result) {
        if (finished) return;
        if (error !== undefined && error !== null || !context.callbackWaitsForEmptyEventLoop) {
            return context.done(error, result);
        }
        finished = true;
        whenIdle(() => answer(null, result));
    }
    return { context, callback };
}

module.exports = build;
module.exports.describe = describe;

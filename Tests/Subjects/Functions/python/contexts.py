"""What a handler learns about its invocation."""
import os


def whole(event, context):
    return {
        "aws_request_id": context.aws_request_id,
        "function_name": context.function_name,
        "function_version": context.function_version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory_limit_in_mb": context.memory_limit_in_mb,
        "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name,
    }


def client(event, context):
    given = context.client_context
    return given and {
        "installation_id": given.client.installation_id,
        "app_title": given.client.app_title,
        "app_version_name": given.client.app_version_name,
        "app_version_code": given.client.app_version_code,
        "app_package_name": given.client.app_package_name,
        "custom": given.custom,
        "env": given.env,
    }


def identity(event, context):
    return [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]


def absent(event, context):
    return [context.client_context, *identity(event, context), context.tenant_id]


def remaining(event, context):
    left = context.get_remaining_time_in_millis()
    return isinstance(left, int) and 0 < left <= 900_000


def trace(event, context):
    return os.environ.get("_X_AMZN_TRACE_ID")


def log(event, context):
    context.log("by way of the context\n")


def surroundings(event, context):
    import sys
    return [os.getcwd(), sys.path[:3], "logging" in sys.modules]

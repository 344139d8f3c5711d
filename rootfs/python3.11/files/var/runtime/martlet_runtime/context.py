"""What a handler learns about its invocation: its second argument."""
import os
import sys
import time

from .fault import Fault, stdlib

# Of the environment, so the same for every invocation.
FIXED = {
    "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
    "function_version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION"),
    "memory_limit_in_mb": os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
    "log_group_name": os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"),
    "log_stream_name": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"),
}


class Record:
    """Named fields, None where the caller gave nothing."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


class CognitoIdentity(Record):
    __slots__ = "cognito_identity_id", "cognito_identity_pool_id"

    def __init__(self, values):
        self.cognito_identity_id = values.get("cognitoIdentityId")
        self.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")


class Client(Record):
    __slots__ = "installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"


class ClientContext(Record):
    __slots__ = "custom", "env", "client"

    def __init__(self, values):
        super().__init__(values)
        if self.client is not None:
            self.client = Client(self.client)


NOBODY = CognitoIdentity({})


class LambdaContext:
    def __init__(self, invocation):
        header = invocation.headers.get
        self.__dict__.update(FIXED)
        self.aws_request_id = invocation.id
        self.invoked_function_arn = header("lambda-runtime-invoked-function-arn")
        self.tenant_id = header("lambda-runtime-aws-tenant-id")
        client = header("lambda-runtime-client-context")
        self.client_context = ClientContext(parse(client, "Client Context")) if client else None
        identity = header("lambda-runtime-cognito-identity")
        self.identity = CognitoIdentity(parse(identity, "Cognito Identity")) if identity else NOBODY
        self._deadline = int(header("lambda-runtime-deadline-ms", 0))

    def get_remaining_time_in_millis(self):
        return max(self._deadline - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        shown = (f"{name}={value!r}" for name, value in vars(self).items() if name[0] != "_")
        return f"LambdaContext({', '.join(shown)})"


def parse(text, name):
    with stdlib():
        import json
    try:
        return json.loads(text)
    except ValueError as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}") from None

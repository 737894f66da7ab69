"""Connections to RabbitMQ: how they are made and ended, and what their errors mean. Knows no exchange and no queue."""

from __future__ import annotations

import pika
import pika.exceptions

from framefleet.domain.errors import BrokerUnavailable

HEARTBEAT_SECONDS = 15
"""A peer that froze or was cut off is noticed after about 25 s (measured with 10); with the broker's 60 after 177 s."""
BLOCKED_SECONDS = 15
"""How long the broker may refuse to read from us (memory or disk alarm). Without a limit pika waits for ever."""
SOCKET_SECONDS = 5
STACK_SECONDS = 10
"""For TCP, TLS and AMQP together."""

BROKEN = (pika.exceptions.AMQPError, OSError, AssertionError)
"""What pika raises when a connection or a channel is gone. The assertions are its own, in races with a closing one."""

_NOT_FOUND, _ACCESS_REFUSED, _PRECONDITION_FAILED = 404, 403, 406


def parameters(url: str, name: str) -> pika.URLParameters:
    """How to connect; `name` is what RabbitMQ's console shows. Raises BrokerUnavailable when `url` is no address."""
    try:
        made = pika.URLParameters(url)
    except (ValueError, IndexError) as error:  # pika's message may quote the address, password and all
        raise BrokerUnavailable(
            f"the broker's address is not usable ({type(error).__name__})",
            hint="Write it as amqp://user:password@host:5672/, special characters percent-encoded.",
        ) from None
    made.heartbeat = HEARTBEAT_SECONDS
    made.blocked_connection_timeout = BLOCKED_SECONDS
    made.socket_timeout = SOCKET_SECONDS
    made.stack_timeout = STACK_SECONDS
    made.client_properties = {"connection_name": name}
    return made


def close(connection: pika.BlockingConnection | None) -> None:
    """Close what may be closed or broken already."""
    try:
        if connection is not None and connection.is_open:
            connection.close()
    except BROKEN:
        pass  # it is closed then


def is_missing(error: BaseException) -> bool:
    """Whether an exchange or a queue does not exist."""
    return isinstance(error, pika.exceptions.UnroutableError) or _reply_code(error) == _NOT_FOUND


def is_lasting(error: BaseException) -> bool:
    """Whether trying again at once is pointless: wrong credentials, no permission, or a broker in alarm."""
    return _reply_code(error) in {_ACCESS_REFUSED, _PRECONDITION_FAILED} or isinstance(
        error,
        pika.exceptions.AuthenticationError
        | pika.exceptions.ProbableAuthenticationError
        | pika.exceptions.ProbableAccessDeniedError
        | pika.exceptions.ConnectionBlockedTimeout,
    )


def unavailable(error: BaseException) -> BrokerUnavailable:
    """What pika's error means to the caller. Its own texts are often empty, or hold message bodies."""
    match error:
        case pika.exceptions.AuthenticationError() | pika.exceptions.ProbableAuthenticationError():
            return BrokerUnavailable("RabbitMQ refuses the user or the password", hint="Correct the broker's address.")
        case pika.exceptions.ProbableAccessDeniedError():
            return BrokerUnavailable("RabbitMQ refuses the virtual host", hint="Correct the broker's address.")
        case pika.exceptions.ConnectionBlockedTimeout():
            return BrokerUnavailable(
                f"RabbitMQ has accepted nothing for {BLOCKED_SECONDS} s", hint="Look for a memory or disk alarm there."
            )
        case pika.exceptions.NackError():
            return BrokerUnavailable("RabbitMQ refused the message", hint="Is a queue limited by a policy and full?")
        case _ if is_missing(error):
            return BrokerUnavailable(
                "an exchange or queue does not exist", hint="Start framefleet-scheduler: it declares them."
            )
        case pika.exceptions.ChannelClosedByBroker(reply_text=text):
            hint = {
                _ACCESS_REFUSED: "Give the user the permissions of docs/rabbitmq.md.",
                _PRECONDITION_FAILED: "Arguments cannot change: remove the queue or exchange and start again.",
            }
            return BrokerUnavailable(f"RabbitMQ refuses: {text}", hint=hint.get(error.reply_code))
        case _:
            return BrokerUnavailable(f"RabbitMQ does not answer ({type(error).__name__})")


def _reply_code(error: BaseException) -> int | None:
    return error.reply_code if isinstance(error, pika.exceptions.ChannelClosedByBroker) else None

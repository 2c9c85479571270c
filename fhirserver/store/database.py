"""A database as this server uses them all: what was told to be written is there, and is what is read."""

from typing import Any

from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern


def database_of(client: AsyncMongoClient[dict[str, Any]], name: str) -> AsyncDatabase[dict[str, Any]]:
    """Return a database: reads of the primary, writes acknowledged by the majority and journaled."""
    options: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
    return client.get_database(
        name,
        codec_options=options,
        write_concern=WriteConcern(w="majority"),
        read_concern=ReadConcern("majority"),
    )

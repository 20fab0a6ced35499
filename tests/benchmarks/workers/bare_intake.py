"""The baseline of intake: FastAPI and aiokafka and nothing else; validates, sends with acks from all, answers 202."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import uuid4

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import BaseModel, Field

from shared.settings import Settings

settings = Settings()
topic = f"{settings.topic_prefix}.requests"


class Requester(BaseModel):
    """Who asks."""

    name: str | None = Field(default=None, max_length=100)
    phone: str | None = Field(default=None, max_length=40)


class RequestForm(BaseModel):
    """What is handed in."""

    channel: str = Field(max_length=64)
    channel_request_id: str = Field(max_length=128)
    submitted_at: datetime | None = None
    subject: str | None = Field(default=None, max_length=200)
    body: str = Field(min_length=1, max_length=20_000)
    place: str | None = Field(default=None, max_length=300)
    requester: Requester | None = None


class Answer(BaseModel):
    """What is answered."""

    case_id: str


@asynccontextmanager
async def producing(app: FastAPI) -> AsyncIterator[None]:
    """The producer lives as long as the application."""
    app.state.producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True)
    await app.state.producer.start()
    yield
    await app.state.producer.stop()


app = FastAPI(lifespan=producing)


@app.post("/v1/requests", status_code=202)
async def hand_in(form: RequestForm) -> Answer:
    """Take a request in."""
    case_id = str(uuid4())
    await app.state.producer.send_and_wait(topic, form.model_dump_json().encode(), key=case_id.encode())
    return Answer(case_id=case_id)


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    """Able to serve."""
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)

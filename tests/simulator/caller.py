"""A plain caller of the vendor's API, as a stranger would write it from the documents."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from app.simulator import (
    DEMO_ACCOUNT_NUMBER,
    DEMO_ACCOUNT_SECRET,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    RunningSimulator,
)

STOCK, LEADS = "StockService", "LeadService"


@dataclass
class Caller:
    simulator: RunningSimulator
    http: httpx.Client
    account: str = DEMO_ACCOUNT_NUMBER
    secret: str = DEMO_ACCOUNT_SECRET
    client_id: str = DEMO_CLIENT_ID
    client_secret: str = DEMO_CLIENT_SECRET
    prefix: str = "TestECService"
    tokens: dict[str, str] = field(default_factory=dict)

    def request_token(self, service: str = STOCK) -> dict[str, Any]:
        pair = {"ClientID": self.client_id, "ClientSecret": self.client_secret}
        url = f"{self.simulator.base_url}/{self.prefix}/{service}/RequestToken"
        answer: dict[str, Any] = self.http.post(url, params=pair).json()
        return answer

    def token(self, service: str) -> str:
        if service not in self.tokens:
            self.tokens[service] = self.request_token(service)["Token"]
        return self.tokens[service]

    def send(self, service: str, endpoint: str, **body: Any) -> httpx.Response:
        """One call with token and account pair; body values may replace either."""
        pair = {"AccountNumber": self.account, "AccountSecret": self.secret}
        headers = {"Authorization": f"Bearer {body.pop('token', None) or self.token(service)}"}
        url = f"{self.simulator.base_url}/{self.prefix}/{service}/{endpoint}"
        return self.http.post(url, json=pair | body, headers=headers)

    def stocks(self, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.send(STOCK, "GetAdvertisementStocks", **body).json()
        return answer

    def rows(self, **body: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.stocks(**body)["StockList"]
        return rows

    def lead(self, endpoint: str, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.send(LEADS, endpoint, **body).json()
        return answer

"""Log-ins, refresh tokens and everything that ends them, as a model of it says."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from tests.service.machines import Stage, run_machine, stage
from tests.service.world import PASSWORD, Site, expect

ROOT = "/v1/tenants/acme"


@dataclass(eq=False)
class Session:
    """Its tokens, the newest last."""

    access: str
    tokens: list[str]
    over: bool = False


@dataclass
class User:
    email: str
    url: str
    active: bool = True
    password: str = PASSWORD
    sessions: list[Session] = field(default_factory=list)

    def end_all(self) -> None:
        for session in self.sessions:
            session.over = True


PODS = st.integers(0, 1)


class Sessions(RuleBasedStateMachine):
    """The sessions of one user, and of another who is left in peace."""

    sessions = Bundle("sessions")
    names = itertools.count()

    def __init__(self, on: Stage, owner: str) -> None:
        super().__init__()
        self._stage = on
        self._owner = owner
        self._user, self._other = self._hire(), self._hire()
        self._others = self._log_in(0, self._other)

    def _hire(self) -> User:
        email = f"user-{next(self.names)}@acme.example"
        body = {"email": email, "password": PASSWORD, "role": "editor"}
        answer = self._stage.request(0, self._owner, "POST", f"{ROOT}/users", json=body)
        return User(email, f"{ROOT}/users/{expect(answer, 201)['id']}")

    def _post(self, pod: int, path: str, token: str = "", **body: str) -> Any:
        return self._stage.request(pod, token, "POST", f"{ROOT}/auth/{path}", json=body or None)

    def _log_in(self, pod: int, user: User) -> Session:
        tokens = expect(self._post(pod, "login", email=user.email, password=user.password), 200)
        session = Session(tokens["accessToken"], [tokens["refreshToken"]])
        user.sessions.append(session)
        return session

    def _refresh(self, pod: int, token: str) -> Any:
        return self._post(pod, "refresh", refreshToken=token)

    @rule(target=sessions, pod=PODS)
    def log_in(self, pod: int) -> Session:
        if not self._user.active:
            user = {"email": self._user.email, "password": self._user.password}
            expect(self._post(pod, "login", **user), 401)
            return Session("", ["A" * 64], over=True)
        return self._log_in(pod, self._user)

    @rule(pod=PODS, session=sessions)
    def refresh(self, pod: int, session: Session) -> None:
        answer = self._refresh(pod, session.tokens[-1])
        if session.over:
            expect(answer, 401)
        else:
            session.tokens.append(expect(answer, 200)["refreshToken"])

    @rule(pod=PODS, session=sessions)
    def refresh_although_the_answer_had_come(self, pod: int, session: Session) -> None:
        """The parent of a token that nobody has used yields the same one again."""
        if len(session.tokens) < 2:
            return
        answer = self._refresh(pod, session.tokens[-2])
        if session.over:
            expect(answer, 401)
        else:
            assert expect(answer, 200)["refreshToken"] == session.tokens[-1]

    @rule(pod=PODS, session=sessions, which=st.integers(0, 20))
    def steal(self, pod: int, session: Session, which: int) -> None:
        """Who uses an old token ends the session, for the thief and for the user."""
        if len(session.tokens) < 3:
            return
        expect(self._refresh(pod, session.tokens[which % (len(session.tokens) - 2)]), 401)
        session.over = True

    @rule(pod=PODS, session=sessions, which=st.integers(0, 20))
    def log_out(self, pod: int, session: Session, which: int) -> None:
        token = session.tokens[which % len(session.tokens)]
        expect(self._post(pod, "logout", refreshToken=token), 204)
        session.over = True

    @rule(pod=PODS, session=sessions)
    def log_out_everywhere(self, pod: int, session: Session) -> None:
        """An access token is good until it expires, whatever became of its session."""
        if session.access and self._user.active:
            expect(self._post(pod, "logout-everywhere", session.access), 204)
            self._user.end_all()

    @rule(pod=PODS, session=sessions)
    def change_the_password(self, pod: int, session: Session) -> None:
        if session.access and self._user.active:
            new = f"password {next(self.names)} of these"
            body = {"currentPassword": self._user.password, "newPassword": new}
            expect(self._post(pod, "password", session.access, **body), 204)
            self._user.password = new
            self._user.end_all()

    @rule(pod=PODS)
    def shut_out_or_let_in_again(self, pod: int) -> None:
        change = {"active": not self._user.active}
        answer = self._stage.request(pod, self._owner, "PATCH", self._user.url, json=change)
        expect(answer, 200)
        self._user.active = change["active"]
        if not self._user.active:
            self._user.end_all()

    @rule(pod=PODS, session=sessions)
    def present_it_elsewhere(self, pod: int, session: Session) -> None:
        """A refresh token opens no page, and nothing in another tenant."""
        token = session.tokens[-1]
        expect(self._stage.request(pod, token, "GET", ROOT), 401)
        url = "/v1/tenants/globex/auth/refresh"
        body = {"refreshToken": token}
        expect(self._stage.request(pod, "", "POST", url, json=body), 401)

    def teardown(self) -> None:
        for session in self._user.sessions:
            expect(self._refresh(0, session.tokens[-1]), 401 if session.over else 200)
        expect(self._refresh(1, self._others.tokens[-1]), 200)


def test_sessions_live_as_the_model_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cms_service.auth.sessions.GRACE_SECONDS", 1_000)  # however slow this is
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("cms_service.auth.passwords._HASHER", quick)
    with stage(site) as on:
        owner = on.run(on.pods[0].log_in("acme")).tokens["accessToken"]
        run_machine(lambda: Sessions(on, owner), examples=20, steps=20)

"""A walk through librbtoken: get or create, log in, ask the policy, hooks, errors, threads.

    make python

SPDX-License-Identifier: MIT
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import rbtoken
from rbtoken import ClientTokenOptions, Hooks, Login, Store, Token, Verdict

READ_ONLY = {"resources": {"*": {"allow": ["GET"], "block": ["*"]}}}


def yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def get_or_create(store: Store) -> Token:
    """Whoever may do this may act as alice: a real host finds out first who is asking."""
    options = ClientTokenOptions(
        expires=datetime(2100, 1, 1, tzinfo=timezone.utc),
        min_validity=timedelta(hours=1),
        local_site="north",
        default_policy=READ_ONLY,
        default_extra_data={"machine": "build-7"},
    )
    token, created = store.get_or_create_client_token("alice", "RBTools", options)
    print(f"A token for {token.user}, created: {yes_or_no(created)}")
    print(f"  token       {token.redacted}")
    print(f"  client      {token.client_name}")
    print(f"  local site  {token.local_site}")
    print(f"  policy      {json.dumps(token.policy)}")
    print(f"  extra data  {json.dumps(token.extra_data)}")
    print(f"  expires     {token.expires:%Y-%m-%dT%H:%M:%SZ}")

    again, created = store.get_or_create_client_token("alice", "RBTools", options)
    print(f"Again, created: {yes_or_no(created)}, the same: {yes_or_no(again.id == token.id)}")
    return token


def print_login(where: str, login: Login) -> None:
    name = Verdict(login.verdict).name
    if login.token is not None:
        print(f"  {where}: {name}, {login.token.user}")
    elif login.refused is not None and login.refused.invalid_reason:
        print(f"  {where}: {name}, {login.refused.invalid_reason}")
    else:
        print(f"  {where}: {name}")


def log_in(store: Store, token: Token) -> None:
    print("\nLogins")
    print_login("on north", store.authenticate_header(f"token {token.value}", site="north"))
    print_login("at the root", store.authenticate_header(f"token {token.value}"))
    print_login("with another scheme", store.authenticate_header("Basic YTpi"))
    print_login("of nobody", store.authenticate("rbp_unknown"))
    store.invalidate_token(token.value, "The laptop was stolen.")
    print_login("once revoked", store.authenticate(token.value, site="north"))


def ask_the_policy(token: Token) -> None:
    print("\nThe policy")
    for method in ("GET", "DELETE"):
        allowed = token.allows("review_request", method, "42")
        print(f"  {method}: {'allowed' if allowed else 'blocked'}")


def show_an_error(store: Store) -> None:
    print("\nA bad policy")
    bad = {"resources": {"review_request": {"*": {"allow": "GET"}}}}
    try:
        store.get_or_create_client_token("bob", "RBTools", default_policy=bad)
    except rbtoken.RBTokenError as error:
        print(f"  status    {int(error.status)} {error.name}")
        print(f"  message   {error.message}")
        print(f"  argument  {error.argument}")
        print(f"  path      {error.json_path}")


def ask_at_once(store: Store) -> None:
    """ctypes lets other threads run during a call, so these are calls at once."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda _: store.get_or_create_client_token("zoë", "RBTools"), range(8)))
    tokens = {token.id for token, _ in answers}
    created = sum(created for _, created in answers)
    print(f"\n8 callers at once: tokens {len(tokens)}, created {created}")


def main() -> None:
    heard: list[str] = []
    hooks = Hooks(
        created=lambda _, token, __: heard.append(f"created {token.redacted} of {token.user}"),
        used=lambda _, token: heard.append(f"used {token.redacted} of {token.user}"),
        invalidated=lambda _, token: heard.append(f"revoked {token.redacted} of {token.user}"),
    )
    with Store(settings={"local_sites": ["north"]}) as store:
        hooks_id = store.add_hooks(hooks)
        token = get_or_create(store)
        ask_the_policy(token)
        log_in(store, token)
        show_an_error(store)
        ask_at_once(store)
        store.remove_hooks(hooks_id)

    print("\nThe hooks heard")
    for line in heard:
        print(f"  {line}")
    print(f"\nStill here after its store: {token.redacted}")


if __name__ == "__main__":
    main()

"""What a stored password costs somebody who guesses (RFC 9106 §4)."""

from __future__ import annotations

import subprocess
import sys

import argon2


def test_passwords_are_as_dear_to_guess_as_rfc_9106_asks() -> None:
    """In a process of its own: this one signs in cheaply, a thousand times."""
    code = "from app.services import passwords; from app.secret import Secret; "
    code += "print(passwords.hashed(Secret('a long enough sentence')))"
    stored = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    found = argon2.extract_parameters(stored.strip())
    assert found.type is argon2.Type.ID
    low_memory = argon2.profiles.RFC_9106_LOW_MEMORY
    assert (found.time_cost, found.memory_cost) >= (low_memory.time_cost, low_memory.memory_cost)
    assert found.hash_len >= low_memory.hash_len

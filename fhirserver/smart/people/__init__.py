"""People: accounts, how their owners prove who they are, and their sessions. Rules are pure, state is in records.

In order of control flow: `people` (the whole), `cookies`, `signin` (passwords: `passwords`, `password_rules`,
`breached`; second factors: `totp`, `recovery`, `passkeys`; delays: `attempts`, `lockout`), `rules` (what comes next),
`session`, `sessions`, `stations`; upstream providers: `issuers`, `presets`, `federation`, `claims`, `linking`,
`directory`; `account`, `accounts`, `management` (what administrators do), `flows` (between two pages), `demo`.
"""

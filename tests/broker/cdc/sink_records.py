"""Made-up records of the CRM job's output topics."""

TOPICS = {
    "crm.account-state": "accounts",
    "crm.account-territories": "account_territories",
    "crm.entitlements": "entitlements",
    "crm.redirects": "redirects",
    "crm.conflicts": "conflicts",
}
ROUND_RECORDS = 200
VERSION = {"commit_timestamp_ms": 1_700_000_000_000, "sequence_number": 1}


class Records:
    def __init__(self, rng, accounts):
        self.random, self.accounts, self.version = rng, accounts, 0

    def first(self):
        makers = (self.account, self.territory, self.entitlement, self.redirect)
        return [make(number) for number in range(self.accounts) for make in makers]

    def round(self):
        makers = (self.account, self.account, self.territory, self.entitlement, self.redirect,
                  self.conflict)
        records = []
        for _ in range(ROUND_RECORDS):
            topic, key, value = self.random.choice(makers)(self.random.randrange(self.accounts))
            if topic != "crm.conflicts" and self.random.random() < 0.1:
                value = None
            records.append((topic, key, value))
        return records

    def next_version(self):
        self.version += 1
        return self.version

    def account(self, number):
        root = f"a:{number}"
        texts = ("plain", "tab\tand\nline", "back\\slash \\N", "\u00e4\u20ac\U0001f600", "", "'\"")
        fields = {"name": self.random.choice(texts), "other": "x" * self.random.randrange(50),
                  "revenue": str(self.random.randrange(10**9)), "since": "2025-11-25"}
        types = {"name": "Text", "revenue": "Decimal", "since": "Date", "other": "Undeclared"}
        left_out = self.random.choice((*fields, None))
        members = [{"id": root}] + [{"id": f"a:m{number}-{i}", "via": root}
                                    for i in range(self.random.randrange(4))]
        return "crm.account-state", root, {
            "root": root, "status": "Active", "members": sorted(members, key=lambda m: m["id"]),
            "fields": [{"name": name, "value": value, "member": root, "version": VERSION,
                        "type": types[name]}
                       for name, value in sorted(fields.items()) if name != left_out],
            "version": self.next_version(), "event_time_ms": 1_700_000_000_123}

    def poison(self, number):
        """An account that the table's check refuses, with a key of its own."""
        _, _, value = self.account(0)
        root = f"poison:{number}"
        return "crm.account-state", root, {
            **value, "root": root, "members": [{"id": root}],
            "fields": [{"name": "name", "value": "poison", "member": root, "version": VERSION,
                        "type": "Text"}]}

    def territory(self, number):
        root, place = f"a:{number}", f"t{self.random.randrange(3)}"
        return "crm.account-territories", f"{root}\0{place}", {
            "root": root, "territory": place, "rules": ["r1"],
            "alignment_epoch": self.next_version()}

    def entitlement(self, number):
        root, feature = f"a:{number}", f"f{self.random.randrange(2)}"
        segments = [{"from_ms": 1000 * i, "to_ms": 1000 * i + 500, "amount": i, "status": "Active"}
                    for i in range(self.random.randrange(4))]
        return "crm.entitlements", f"{root}\0{feature}", {
            "root": root, "feature": feature, "kind": "QuantitySum", "segments": segments,
            "version": self.next_version(), "as_of_ms": 1_700_000_000_000}

    def redirect(self, number):
        root = f"a:{self.random.randrange(self.accounts)}"
        return "crm.redirects", f"a:{number}", {
            "id": f"a:{number}", "root": root, "survivor": root, "decision": "Merged",
            "version": VERSION}

    def conflict(self, number):
        return "crm.conflicts", f"a:{number}", {
            "kind": "Split", "ids": [f"a:{number}", "a:x"], "version": VERSION, "text": "why"}

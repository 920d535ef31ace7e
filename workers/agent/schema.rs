//! The shape of one order's result, as a program enforces it on its model. We check it again ourselves.

use serde_json::{Value, json};

/// The JSON schema. Every field is required and none may be added: some models take no schema that is less strict.
pub(super) fn result() -> Value {
    json!({
        "type": "object",
        "properties": {
            "order": {"type": "string"},
            "gen": {"type": "integer"},
            "nonce": {"type": "string"},
            "verdict": {"type": "string", "enum": ["done", "needs_work", "blocked"]},
            "why": {"type": "string"},
            "artifacts": {"type": "array", "items": {"type": "string"}},
            "denied": {"type": "string"},
        },
        "required": ["order", "gen", "nonce", "verdict", "why", "artifacts", "denied"],
        "additionalProperties": false,
    })
}

//! Pure judgement for Open Resource Planning: rules and budgets as code.

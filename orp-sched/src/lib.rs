//! Pure decisions for Open Resource Planning: the planner and the scheduler.

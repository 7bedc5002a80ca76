//! What archives are refused, and what the others become.

//! A view set as written, then as meant, with located errors.

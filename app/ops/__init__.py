"""Running Forecourt on one machine: embedded servers and the supervisor behind `./dev run`."""

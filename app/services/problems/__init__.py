"""What is wrong at a dealership, by cause: noticed, told, put aside, gone (C30, design §7)."""

"""The double of the EasyCars Stock API 1.01 and Lead API 1.05."""

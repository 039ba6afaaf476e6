"""Reports on paper: a title, totals and tables as a tagged PDF (row 200)."""

from app.services.reports.printed import (
    MOST_ROWS,
    Column,
    PrintFailed,
    Report,
    Section,
    moment_in_words,
    pdf,
)

__all__ = ["MOST_ROWS", "Column", "PrintFailed", "Report", "Section", "moment_in_words", "pdf"]

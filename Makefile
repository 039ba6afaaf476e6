# The verbs of ./dev, for those whose fingers type make. Nothing here needs make.
VERBS := run test setup check bench browser lock
.PHONY: $(VERBS)
$(VERBS):
	@./dev $@

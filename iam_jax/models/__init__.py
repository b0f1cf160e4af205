"""Networks: cells, d-set selectors, memory, and the actor-critics made of them."""

"""What serves models over HTTP without knowing how: who may ask, which models are resident, the standard's tensors."""

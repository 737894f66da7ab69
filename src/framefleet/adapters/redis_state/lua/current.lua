-- The generation.
return EPOCH and {'OK', EPOCH} or NO

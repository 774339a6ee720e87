"""The five services, one verb each: accept, judge, send, record, operate."""

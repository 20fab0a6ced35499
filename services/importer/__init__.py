"""`minsheng import`: hands the rows of a file in through the public interface, once each."""

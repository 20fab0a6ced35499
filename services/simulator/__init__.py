"""A city in a box: channels, officers, citizens and a carrier that use the platform through its public interfaces."""

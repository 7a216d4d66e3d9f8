"""Users whom somebody else vouches for: an OpenID Connect issuer by tokens, an authority by client certificates."""

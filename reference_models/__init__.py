"""The models whose papers this benchmark reproduces, and the one trainer that trains them."""

"""The platform's own certificate authority for gateways (`clientAuth`): a certificate's CN is the gateway's SN.

`authority` makes keys, certificates and the revocation list, and knows no database; `issuing` decides who gets one and
remembers it; `files` says where things are.
"""

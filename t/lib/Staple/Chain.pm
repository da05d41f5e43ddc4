package Staple::Chain;

# Can handshakes here carry a response for each certificate (OpenSSL 3.6)?

use strict;
use warnings;

use Staple::Process qw(capture);

sub version {
    my ($version) = capture(['openssl', 'version']) =~ /OpenSSL (\d+\.\d+)/;

    return $version // '0.0';
}

sub can_chain {
    my ($major, $minor) = split /\./, version();

    return $major > 3 || ($major == 3 && $minor >= 6);
}

sub missing {
    return 'a staple for each certificate needs OpenSSL 3.6, this is '
           . version();
}

1;

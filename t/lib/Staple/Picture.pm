package Staple::Picture;

# Pictures of figures, as SVG: how many were stapled after how many seconds.

use strict;
use warnings;

use Exporter qw(import);
use List::Util qw(max min);

our @EXPORT_OK = qw(fill_svg);

my ($width, $height) = (760, 420);
my %margin = (left => 60, right => 166, top => 40, bottom => 50);
my @colours = map { "#$_" } qw(1b6ac9 c0392b 2e8b57 8e44ad d68910 5d6d7e
                                 111111);

# A round step that makes at most five of them.
sub step {
    my ($most) = @_;
    my $step = 10 ** int(log($most / 5) / log(10) - ($most < 5 ? 1 : 0));

    for my $factor (1, 2, 5, 10, 20, 50) {
        return $step * $factor if $most / ($step * $factor) <= 5;
    }
    return $most;
}

sub escaped {
    my ($text) = @_;
    my %name = ('&' => 'amp', '<' => 'lt', '>' => 'gt', '"' => 'quot');

    return $text =~ s/([&<>"])/&$name{$1};/gr;
}

sub text {
    my ($x, $y, $text, $more) = @_;

    return sprintf qq{<text x="%.1f" y="%.1f" %s>%s</text>\n}, $x, $y,
        $more // '', escaped($text);
}

sub line {
    my ($x1, $y1, $x2, $y2) = @_;

    return sprintf qq{<path d="M%.1f %.1fL%.1f %.1f" stroke="#bbb"/>\n},
        $x1, $y1, $x2, $y2;
}

# From the left: the steps of one server, each when one name more had a staple,
# and what is known of it until the end.
sub steps {
    my ($x, $y, $seconds, $end) = @_;
    my $path = sprintf 'M%.1f %.1f', $x->(0), $y->(0);
    my ($count, $before) = (0, '');

    for my $at (@$seconds) {
        my $to = sprintf 'H%.1f', $x->(min($at, $end));

        # Of several at one place, the last height is enough.
        $path .= sprintf 'V%.1f', $y->($count) if $to ne $before;
        $path .= $to if $to ne $before;
        $before = $to;
        $count++;
    }
    return $path . sprintf 'V%.1fH%.1f', $y->($count), $x->($end);
}

# fill_svg($title, $n, NAME => [SECONDS, ...], ...): of $n names, those of each
# server that had a staple, over time.  In the order in which they are given.
sub fill_svg {
    my ($title, $n, @servers) = @_;
    my %at = @servers;
    my @names = @servers[grep { $_ % 2 == 0 } 0 .. $#servers];
    my $end = max(0.1, map { @$_ } values %at) * 1.05;
    my ($right, $bottom) = ($width - $margin{right},
                            $height - $margin{bottom});
    my $x = sub { $margin{left} + ($right - $margin{left}) * $_[0] / $end };
    my $y = sub { $bottom - ($bottom - $margin{top}) * $_[0] / $n };
    my $svg = qq{<svg xmlns="http://www.w3.org/2000/svg" width="$width" }
        . qq{height="$height" viewBox="0 0 $width $height" fill="none" }
        . qq{font-family="sans-serif" font-size="13">\n}
        . qq{<rect width="$width" height="$height" fill="#fff"/>\n}
        . qq{<g fill="#222">\n}
        . text($margin{left}, 22, $title, 'font-size="15"');

    my ($second, $some) = (step($end), step($n));

    for (my $at = 0; $at <= $end; $at += $second) {
        $svg .= line($x->($at), $margin{top}, $x->($at), $bottom)
            . text($x->($at), $bottom + 18, $at + 0, 'text-anchor="middle"');
    }
    for (my $count = 0; $count <= $n; $count += $some) {
        $svg .= line($margin{left}, $y->($count), $right, $y->($count))
            . text($margin{left} - 6, $y->($count) + 4, $count,
                   'text-anchor="end"');
    }
    $svg .= text(($margin{left} + $right) / 2, $height - 12,
                 'seconds after the server began to work',
                 'text-anchor="middle"') . "</g>\n";
    for my $i (0 .. $#names) {
        my @seconds = sort { $a <=> $b } @{ $at{ $names[$i] } };
        my $colour = $colours[$i % @colours];
        my $row = $margin{top} + 12 + 22 * $i;

        $svg .= sprintf qq{<path d="%s" stroke="%s" stroke-width="2"/>\n},
            steps($x, $y, \@seconds, $end), $colour;
        $svg .= sprintf qq{<path d="M%d %dh18" stroke="%s" }
            . qq{stroke-width="3"/>\n}, $right + 14, $row - 4, $colour;
        $svg .= text($right + 38, $row, $names[$i], 'fill="#222"');
    }
    return $svg . "</svg>\n";
}

1;

#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# ink.pl FILE
# Width and height of a PNG, and how many of its pixels have a colour: black,
# white and the greys between them have none. Only what Perl itself has is needed.
use strict;
use warnings;
use Compress::Zlib qw(uncompress);

open my $in, '<:raw', $ARGV[0] or die "$ARGV[0]: $!\n";
my $png = do { local $/; <$in> };
$png =~ s/^\x89PNG\r\n\x1a\n// or die "$ARGV[0]: not a PNG\n";
my %chunk = (IDAT => '', PLTE => '');
while ($png =~ s/^(.{4})(.{4})//s) {
  my ($length, $name) = (unpack('N', $1), $2);
  $chunk{$name} .= substr $png, 0, $length + 4, '';
  substr $chunk{$name}, -4, 4, '';
}
my ($width, $height, $depth, $type, undef, undef, $interlaced) =
  unpack 'NNCCCCC', $chunk{IHDR};
my %channels = (0 => 1, 2 => 3, 3 => 1, 4 => 2, 6 => 4);
die "$ARGV[0]: depth $depth\n" if $depth != 8 || $interlaced;

my $size = $channels{$type};
my $line = $width * $size;
my $data = uncompress($chunk{IDAT}) // die "$ARGV[0]: damaged\n";
my @palette = unpack '(a3)*', $chunk{PLTE};
my @above = (0) x $line;
my $ink = 0;
for my $y (0 .. $height - 1) {
  my ($filter, @row) = unpack 'C*', substr $data, $y * ($line + 1), $line + 1;
  for my $i (0 .. $line - 1) {
    my $left = $i < $size ? 0 : $row[$i - $size];
    my $corner = $i < $size ? 0 : $above[$i - $size];
    $row[$i] = $row[$i] + predicted($filter, $left, $above[$i], $corner) & 255;
  }
  for (my $i = 0; $i < $line; $i += $size) {
    my @rgb = $type == 3 ? unpack('C3', $palette[$row[$i]])
      : $size > 2 ? @row[$i .. $i + 2] : (0, 0, 0);
    my ($least, undef, $most) = sort { $a <=> $b } @rgb;
    $ink++ if $most - $least > 80;
  }
  @above = @row;
}
print "$width $height $ink\n";

sub predicted {
  my ($filter, $left, $up, $corner) = @_;
  return (0, $left, $up, $left + $up >> 1)[$filter] if $filter < 4;
  my $sum = $left + $up - $corner;
  my ($a, $b, $c) = map { abs($sum - $_) } $left, $up, $corner;
  return $a <= $b && $a <= $c ? $left : $b <= $c ? $up : $corner;
}

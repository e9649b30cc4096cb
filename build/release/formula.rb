# SPDX-License-Identifier: Apache-2.0
# Evaluates a formula of Homebrew with the few words that ours uses, as on Linux of that architecture, and prints its URL and checksum:
#
#   ruby formula.rb FILE amd64|arm64
class Formula
  def self.on_intel = (yield if ARGV[1] == "amd64")
  def self.on_arm = (yield if ARGV[1] == "arm64")
  def self.url(value) = @url = value
  def self.sha256(value) = @sha256 = value
  def self.answer = "#{@url} #{@sha256}"
  def self.depends_on(_) = nil
  def self.test = nil
  %i[desc homepage version license].each { |word| define_singleton_method(word) { |value| raise "no #{word}" if value.empty? } }
end

load ARGV[0]
raise "a formula has to say how to install" unless Upsurge.method_defined?(:install)
puts Upsurge.answer

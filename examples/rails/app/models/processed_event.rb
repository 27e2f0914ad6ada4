# frozen_string_literal: true

class ProcessedEvent < ApplicationRecord
end

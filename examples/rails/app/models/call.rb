# frozen_string_literal: true

class Call < ApplicationRecord
  belongs_to :booking
end
